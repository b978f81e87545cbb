"""An authority as plants have one: it issues the servers' certificates and lists what it took back.

Its files stand beside the server's: authority.der (its certificate), authority.key.pem, authority.crl.
"""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, "Plant CA")])


def new_key(path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    return key


def usage(**named):
    every = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: named.get(name, False) for name in every})


def certificate_of(subject, public_key, signer):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(NAME).public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def own(folder):
    """The authority's key, made at the first call."""
    path = folder / "authority.key.pem"
    if path.exists():
        return serialization.load_pem_private_key(path.read_bytes(), None)
    key = new_key(path)
    certificate = (
        certificate_of(NAME, key.public_key(), key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "authority.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    return key


def issue(folder, key_path, certificate_path, uri, host):
    """A server's certificate for one address."""
    signer, key = own(folder), new_key(key_path)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, certificate_path.stem)])
    names = [x509.UniformResourceIdentifier(uri), x509.IPAddress(ipaddress.ip_address(host))]
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        certificate_of(subject, key.public_key(), signer)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(digital_signature=True, content_commitment=True, key_encipherment=True,
                             data_encipherment=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(signer, hashes.SHA256())
    )
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.DER))


def revoke(folder, certificate_path):
    """Writes the list on which this certificate stands."""
    certificate = x509.load_der_x509_certificate(certificate_path.read_bytes())
    signer = own(folder)
    now = datetime.datetime.now(datetime.timezone.utc)
    entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now).build()
    revoked = (
        x509.CertificateRevocationListBuilder().issuer_name(NAME)
        .last_update(now).next_update(now + datetime.timedelta(days=30))
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_revoked_certificate(entry).sign(signer, hashes.SHA256())
    )
    (folder / "authority.crl").write_bytes(revoked.public_bytes(serialization.Encoding.DER))
