#!/bin/sh
# Restart a service and wait for the end of that change. Needs INTERTIE_URL, INTERTIE_TOKEN, SERVICE.
set -eu
change=$(curl --silent --show-error --fail --request POST "$INTERTIE_URL/api/services/restart" \
  --header "Authorization: Bearer $INTERTIE_TOKEN" --header 'Content-Type: application/json' \
  --data "{\"services\": [\"$SERVICE\"]}" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
# The stream of a change ends when the change has ended.
curl --silent --show-error --fail --no-buffer "$INTERTIE_URL/api/changes/$change/events" \
  --header "Authorization: Bearer $INTERTIE_TOKEN" | tail -n 2 | grep -q '"status":"done"'
curl --silent --show-error --fail "$INTERTIE_URL/api/health"
