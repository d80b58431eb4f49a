# The health of a suite as a data source: data.external.suite.result.status, and one key a service.
terraform {
  required_providers {
    external = { source = "hashicorp/external" }
  }
}

data "external" "suite" {
  program     = ["intertie", "health", "--external"]
  working_dir = path.module
}

output "suite_status" {
  value = data.external.suite.result.status
}
