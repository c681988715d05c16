"""Trained models as a web page: a folder that any static host serves."""
