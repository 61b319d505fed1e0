import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { type Clock, TagboatError, writeFileAtomic } from '@tagboat/base';

/** What a TLS server needs, in PEM. */
export interface ServerCertificate {
  readonly key: string;
  readonly certificate: string;
  /** Of the authority that signed it, which clients trust. */
  readonly authority: string;
}

const day = 24 * 3600 * 1000;
const authorityYears = 10;
const serverDays = 365;
/** A certificate that ends sooner than this is made anew at the start. */
const renewBefore = 60 * day;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

x509.cryptoProvider.set(webcrypto);

interface Pair {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly certificate: x509.X509Certificate;
}

/**
 * The certificate of this machine's own Kubernetes API, signed by an authority of its own. Both are made where they are
 * missing and kept with mode 0600; the server's is renewed at a start, the authority's lasts ten years.
 * @throws `Corrupt` for files that cannot be read as certificates
 */
export async function serverCertificate(directory: string, clock: Clock): Promise<ServerCertificate> {
  const authority = await kept(directory, clock, { name: 'ca', make: (keys) => selfSigned(keys, clock) });
  const server = await kept(directory, clock, {
    name: 'server',
    make: (keys) => signedBy(authority, keys, clock),
    authority: authority.certificate,
  });
  return {
    key: await keyText(server.keys),
    certificate: server.certificate.toString('pem'),
    authority: authority.certificate.toString('pem'),
  };
}

interface Wanted {
  readonly name: string;
  readonly make: (keys: webcrypto.CryptoKeyPair) => Promise<x509.X509Certificate>;
  /** Who must have signed it; absent: itself. */
  readonly authority?: x509.X509Certificate;
}

/** One file for key and certificate, so that a kill leaves no key that belongs to another certificate. */
async function kept(directory: string, clock: Clock, { name, make, authority }: Wanted): Promise<Pair> {
  const file = join(directory, `${name}.pem`);
  const found = await stored(file);
  const lasts = found && found.certificate.notAfter.getTime() - clock.now() > renewBefore;
  if (
    lasts &&
    (!authority || (await found.certificate.verify({ publicKey: authority, signatureOnly: true })))
  )
    return found;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await make(keys);
  await writeFileAtomic(file, `${await keyText(keys)}\n${certificate.toString('pem')}\n`, 0o600);
  return { keys, certificate };
}

async function stored(file: string): Promise<Pair | undefined> {
  try {
    const [key, certificateBytes] = x509.PemConverter.decode(await readFile(file, 'utf8'));
    const certificate = new x509.X509Certificate(certificateBytes!);
    const privateKey = await webcrypto.subtle.importKey('pkcs8', key!, algorithm, true, ['sign']);
    const publicKey = await certificate.publicKey.export(algorithm, ['verify']);
    return { keys: { privateKey, publicKey }, certificate };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TagboatError(`cannot read the key and certificate in ${file}`, {
      reason: 'Corrupt',
      hint: 'remove it to make a new one; kubeconfigs that were printed before then need a new one',
      cause,
    });
  }
}

async function keyText({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY');
}

const serial = () => `00${randomBytes(15).toString('hex')}`;

/** An hour back, for clocks that differ. */
const begin = (clock: Clock) => new Date(clock.now() - 3600_000);

async function selfSigned(keys: webcrypto.CryptoKeyPair, clock: Clock): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=Tagboat local authority',
    notBefore: begin(clock),
    notAfter: new Date(clock.now() + authorityYears * 365 * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
}

async function signedBy(
  authority: Pair,
  keys: webcrypto.CryptoKeyPair,
  clock: Clock,
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: 'CN=tagboat',
    issuer: authority.certificate.subject,
    notBefore: begin(clock),
    notAfter: new Date(clock.now() + serverDays * day),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'dns', value: 'kubernetes' },
        { type: 'dns', value: 'kubernetes.default.svc' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
}
