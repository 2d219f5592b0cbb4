"""What users choose: settings of the service, and options of single storing calls."""
