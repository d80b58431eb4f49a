"""The login pages and single sign-on endpoints: plain HTML, nothing fetched from elsewhere."""
