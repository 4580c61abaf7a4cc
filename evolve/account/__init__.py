"""What is on record of a run, as values for whoever shows it: commands, reports, pages."""
