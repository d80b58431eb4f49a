// A SAML identity provider: whoever asks is `ada`, unless `?user=` says another.
import { createServer } from 'node:http';
import samlify from 'samlify';

const told = JSON.parse(process.argv[2]);
samlify.setSchemaValidator({ validate: async () => 'skipped' });
const { IdentityProvider, ServiceProvider, Constants, SamlLib } = samlify;
const base = `http://127.0.0.1:${told.port}`;

const idp = IdentityProvider({
  entityID: `${base}/metadata`,
  privateKey: told.key,
  signingCert: told.certificate,
  isAssertionEncrypted: false,
  messageSigningOrder: 'sign-then-encrypt',
  nameIDFormat: ['urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'],
  singleSignOnService: [
    { Binding: `urn:oasis:names:tc:SAML:2.0:bindings:HTTP-${told.post ? 'POST' : 'Redirect'}`, Location: `${base}/sso` },
  ],
  requestSignatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  loginResponseTemplate: {
    context: SamlLib.defaultLoginResponseTemplate.context.replace(
      '{AuthnStatement}',
      '<saml:AuthnStatement AuthnInstant="{Moment}" SessionIndex="s-{NameID}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>',
    ),
    attributes: [
      { name: 'email', nameFormat: 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic', valueXsiType: 'xs:string', valueTag: 'email' },
      { name: 'groups', nameFormat: 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic', valueXsiType: 'xs:string', valueTag: 'groups' },
    ],
  },
});

function replaced(request, sp, user) {
  return (template) => {
    const now = new Date();
    const later = new Date(now.getTime() + 300000).toISOString();
    const values = {
      ID: `_${crypto.randomUUID()}`,
      AssertionID: `_${crypto.randomUUID()}`,
      Destination: sp.entityMeta.getAssertionConsumerService('post'),
      Audience: sp.entityMeta.getEntityID(),
      SubjectRecipient: sp.entityMeta.getAssertionConsumerService('post'),
      AssertionConsumerServiceURL: sp.entityMeta.getAssertionConsumerService('post'),
      Issuer: `${base}/metadata`,
      IssueInstant: now.toISOString(),
      ConditionsNotBefore: now.toISOString(),
      ConditionsNotOnOrAfter: later,
      SubjectConfirmationDataNotOnOrAfter: later,
      NameIDFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
      NameID: user,
      InResponseTo: request.extract.request.id,
      StatusCode: Constants.StatusCode.Success,
      Moment: now.toISOString(),
      attrEmail: `${user}@example.com`,
      attrGroups: 'admins',
    };
    return { id: values.ID, context: SamlLib.replaceTagsByValue(template, values) };
  };
}

async function body(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return Object.fromEntries(new URLSearchParams(text));
}

async function login(request) {
  const url = new URL(request.url, base);
  const sp = ServiceProvider({ metadata: await (await fetch(told.sp_metadata)).text() });
  const query = request.method === 'POST' ? await body(request) : Object.fromEntries(url.searchParams);
  const asked = await idp.parseLoginRequest(sp, told.post ? 'post' : 'redirect', { query, body: query });
  const answer = await idp.createLoginResponse(sp, asked, 'post', {}, replaced(asked, sp, told.user));
  return `<form method="post" action="${answer.entityEndpoint}"><input type="hidden" name="SAMLResponse" value="${answer.context}"><input type="hidden" name="RelayState" value="${query.RelayState}"><button>Go</button></form>`;
}

const server = createServer(async (request, response) => {
  try {
    const isMetadata = request.url.startsWith('/metadata');
    const text = isMetadata ? idp.getMetadata() : await login(request);
    response.writeHead(200, { 'content-type': isMetadata ? 'application/xml' : 'text/html' }).end(text);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(String(error));
  }
});
server.listen(told.port, '127.0.0.1', () => console.log('ready'));
process.stdin.on('end', () => server.close(() => process.exit(0))).resume();
