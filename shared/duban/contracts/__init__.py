"""The generated contracts: JSON Schemas and the AsyncAPI document, beside the catalogue that they are made from."""
