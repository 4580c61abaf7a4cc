"""Judging on other machines: what is sent to them, who works there, and who keeps count of it."""
