"""Programs that monitors start; each is a console script."""
