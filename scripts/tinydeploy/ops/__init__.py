"""What the host knows of each operator: names, supported types, shapes, work."""
