"""What a call through an integration costs, beside raw clients and SDKs."""
