// A certified OpenID provider. Whoever types a login is that person, so that tests can be anybody:
// `ada` is ada@example.com; `eve@evil.test` has that address; `unverified-…` is not verified.
import Provider from 'oidc-provider';

const told = JSON.parse(process.argv[2]);
const counts = { refresh: 0, refused: 0 };

function person(id) {
  const email = id.includes('@') ? id : `${id}@example.com`;
  const verified = !id.startsWith('unverified-');
  return {
    accountId: id,
    claims: () => ({
      sub: id,
      email,
      email_verified: verified,
      name: `Name of ${id}`,
      groups: id.startsWith('admin') ? ['admins'] : ['users'],
    }),
  };
}

const provider = new Provider(told.issuer, {
  clients: [
    {
      client_id: 'suite',
      client_secret: 'a secret/with+odd:signs',
      redirect_uris: told.redirect_uris,
      post_logout_redirect_uris: told.post_logout_redirect_uris,
      grant_types: ['authorization_code', 'refresh_token'],
      backchannel_logout_uri: told.backchannel_logout_uri,
      backchannel_logout_session_required: true,
    },
  ],
  claims: { openid: ['sub', 'sid'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
  scopes: ['openid', 'email', 'profile', 'groups', 'offline_access'],
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
  },
  findAccount: (_, id) => person(id),
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: told.access_s, IdToken: 3600, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 600 },
  // Without its guard against addresses of this machine, where the suite is.
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
  cookies: { keys: ['a key of the tests'] },
});
provider.on('grant.success', (ctx) => {
  if (ctx.oidc.params.grant_type === 'refresh_token') counts.refresh += 1;
});
provider.on('grant.error', () => { counts.refused += 1; });
provider.on('backchannel.error', (ctx, error) => console.error('backchannel', error));
provider.use(async (ctx, next) => {
  if (ctx.path === '/counts') {
    ctx.body = counts;
    return undefined;
  }
  return next();
});
const server = provider.listen(told.port, '127.0.0.1', () => console.log('ready'));
process.stdin.on('end', () => server.close(() => process.exit(0))).resume();
