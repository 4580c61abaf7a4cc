"""One file per revision; each freezes the tables as they were."""
