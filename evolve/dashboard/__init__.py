"""The dashboard: pages over the runs of a store, in a browser. README.md beside this file says what they show."""
