// Runs the public tests against the cache at URL; prints { id: { kind, verdict, why } } as JSON.
import process from 'node:process'
import fetch from 'node-fetch'
import { runTests, getResults } from './node_modules/http-cache-tests/client/runner.mjs'
import * as display from './node_modules/http-cache-tests/lib/display.mjs'
import suites from './node_modules/http-cache-tests/tests/index.mjs'
import surrogate from './node_modules/http-cache-tests/tests/surrogate-control.mjs'

suites.push(surrogate)
await runTests(suites, fetch, false, process.argv[2])
const results = getResults()
const told = {}
for (const suite of suites) {
  for (const test of suite.tests) {
    if (test.browser_only) continue
    const verdict = display.determineTestResult(suites, test.id, results)[2]
    const why = results[test.id] === true ? '' : results[test.id]?.[1]
    told[test.id] = { kind: test.kind ?? 'required', verdict, why }
  }
}
process.stdout.write(JSON.stringify(told))
