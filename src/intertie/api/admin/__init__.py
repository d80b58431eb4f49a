"""The admin page of the management API: the suite at a glance, and buttons for the usual."""
