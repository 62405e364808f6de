"""Sheets as papers: a workbook for spreadsheets, and an official document (公文) to be signed, printed and sent."""
