"""Real brokers, each started by the test that needs it and gone afterwards."""
