"""Devices that are not there: what others have measured, sent by HJ 212 as devices send it, and its answers counted.

series  what stations have measured, from a CSV or JSON file
device  one device: a connection, frames, what was answered
fleet   many of them at once, and what came of it
"""
