// A provider of sign-in for the tests, on loopback: `node provider.js '{"port": …, "redirect": …, "audience": …, "people": {…}}'`.
// Its own pages ask who one is, and take any password.
import Provider from 'oidc-provider';

const { port, redirect, audience, people } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'duban',
      client_secret: 'of-the-api',
      application_type: 'native', // on loopback; the command line comes back there too, to whatever port
      redirect_uris: [redirect, 'http://127.0.0.1/callback'],
      response_types: ['code'],
    },
    ...['hotline', 'stranger'].map((id) => ({
      client_id: id,
      client_secret: `of-${id}`,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    })),
  ],
  claims: { openid: ['sub'], profile: ['preferred_username', 'name', 'groups'] },
  cookies: { keys: ['only for tests'] },
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        audience: resource,
        scope: 'use',
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
      }),
    },
  },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, preferred_username: sub, ...people[sub] }) }),
});

provider.listen(port, '127.0.0.1', () => console.log(`${issuer} gives tokens for ${audience}`));
