"""What the suite is measured by, and who is told when that is not well."""
