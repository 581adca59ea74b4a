"""Certificates for parties of `crypto_iter_avg`: an authority, and one with its key for each party."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def name_of(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def certify(subject, key, issuer, issuer_key, *, is_authority):
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder().subject_name(name_of(subject)).issuer_name(name_of(issuer))
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )  # fmt: skip
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write_identities(folder, names):
    """Write `ca.pem`, and `NAME.pem` with `NAME.key` for each party."""
    authority = rsa.generate_private_key(65537, 2048)
    (folder / "ca.pem").write_bytes(certify("ca", authority, "ca", authority, is_authority=True))
    for party in names:
        key = rsa.generate_private_key(65537, 2048)
        (folder / f"{party}.pem").write_bytes(certify(party, key, "ca", authority, is_authority=False))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{party}.key").write_bytes(private)
