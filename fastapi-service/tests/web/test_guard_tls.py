"""Connecting to an address must not weaken what a certificate proves: the name."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from brain.web.errors import FetchFailed
from small_web import Names, fetcher, serving, words


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of good.test, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "good.test")])
    start = datetime.fromtimestamp(1_750_000_000, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(start).not_valid_after(start + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("good.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "good.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        made.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


async def test_the_certificate_has_to_fit_the_name_not_the_address(certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    client = ssl.create_default_context(cafile=str(certificate))
    names = Names({"good.test": [["127.0.0.1"]], "evil.test": [["127.0.0.1"]]})
    async with serving(tls=server) as site:
        site.paths["/"] = words("hello")
        visiting = fetcher(resolve=names, tls=client)
        page = await visiting.fetch(f"https://good.test:{site.port}/")
        assert page.text == "hello"
        await visiting.fetch(f"https://good.test.:{site.port}/")
        with pytest.raises(FetchFailed, match=r"evil\.test cannot be reached"):
            await visiting.fetch(f"https://evil.test:{site.port}/")
        with pytest.raises(FetchFailed, match=r"127\.0\.0\.1 cannot be reached"):
            await visiting.fetch(f"https://127.0.0.1:{site.port}/")
