// Speaks to an issuer as a foreign client does, and tells as JSON what it got.
// node flow.mjs ISSUER SECRET: the clients `web` (with this secret) and `spa` (public), and the
// user whose cookie is `session=ada`.
import * as client from 'openid-client'

const [, , issuer, secret] = process.argv
const back = 'https://app.test/done'
const insecure = { execute: [client.allowInsecureRequests] }
const told = {}

const refused = async (work) => {
  try {
    await work()
  } catch (fault) {
    const challenge = fault.cause?.[0]
    return fault.error ?? challenge?.parameters?.error ?? challenge?.scheme ?? String(fault)
  }
  return 'taken'
}

const discover = (id, key) => client.discovery(new URL(issuer), id, key, undefined, insecure)

// As a browser that follows no link: where the issuer sends it.
const browse = async (url, cookie = 'session=ada') => {
  const answer = await fetch(url, { redirect: 'manual', headers: { cookie } })
  return { status: answer.status, to: answer.headers.get('location') }
}

const login = async (config, extra = {}) => {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: back,
    scope: 'openid profile email orders',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...extra,
  })
  const { to } = await browse(url)
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }
  const tokens = await client.authorizationCodeGrant(config, new URL(to), checks)
  return { to, checks, tokens }
}

const web = await discover('web', secret)
told.endpoints = Object.keys(web.serverMetadata()).filter((name) => name.endsWith('_endpoint'))

const first = await login(web, { max_age: 3600 })
const claims = first.tokens.claims()
told.claims = claims
told.token = first.tokens.access_token
told.userinfo = await client.fetchUserInfo(web, first.tokens.access_token, claims.sub)
told.codeAgain = await refused(() =>
  client.authorizationCodeGrant(web, new URL(first.to), first.checks),
)
told.afterCodeAgain = await refused(() =>
  client.fetchUserInfo(web, first.tokens.access_token, claims.sub),
)

const second = await login(web)
const renewed = await client.refreshTokenGrant(web, second.tokens.refresh_token)
told.rotated = renewed.refresh_token !== second.tokens.refresh_token
const retried = await client.refreshTokenGrant(web, second.tokens.refresh_token)
told.retriedIsSame = retried.refresh_token === renewed.refresh_token
told.introspected = await client.tokenIntrospection(web, renewed.access_token)
const third = await client.refreshTokenGrant(web, renewed.refresh_token)
told.reused = await refused(() => client.refreshTokenGrant(web, second.tokens.refresh_token))
told.familyAfterReuse = await refused(() => client.refreshTokenGrant(web, third.refresh_token))
told.introspectedAfterReuse = await client.tokenIntrospection(web, third.access_token)

const service = await client.clientCredentialsGrant(web, { scope: 'orders' })
told.service = await client.tokenIntrospection(web, service.access_token)
await client.tokenRevocation(web, service.access_token)
told.serviceAfter = await client.tokenIntrospection(web, service.access_token)

const post = await client.discovery(
  new URL(issuer), 'web', undefined, client.ClientSecretPost(secret), insecure,
)
told.post = (await client.clientCredentialsGrant(post)).token_type

const wrong = await discover('web', 'wrong')
told.wrongSecret = await refused(() => client.clientCredentialsGrant(wrong))

const spa = await client.discovery(new URL(issuer), 'spa', undefined, client.None(), insecure)
told.noSecret = await refused(() => client.clientCredentialsGrant(spa))

const out = await fetch(`${issuer}/test/new-session`)
told.newSession = out.status
const page = await login(spa)
const renewedPage = await client.refreshTokenGrant(spa, page.tokens.refresh_token)
await client.tokenRevocation(spa, renewedPage.refresh_token)
told.revokedRefresh = await refused(() =>
  client.refreshTokenGrant(spa, renewedPage.refresh_token),
)
const last = await login(spa)
const end = client.buildEndSessionUrl(spa, {
  post_logout_redirect_uri: 'https://app.test/bye',
  id_token_hint: last.tokens.id_token,
  state: 'x y',
})
told.logout = await browse(end)
told.afterLogout = await refused(() =>
  client.fetchUserInfo(spa, last.tokens.access_token, last.tokens.claims().sub),
)
console.log(JSON.stringify(told))
