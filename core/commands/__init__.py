"""The verbs of the command line, a module for each page of the app."""
