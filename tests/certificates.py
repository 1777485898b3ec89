"""Certificates for tests, made with the openssl command."""

import subprocess
from pathlib import Path


def certificate(directory: Path, names: str) -> Path:
    """A certificate for these names that signed itself, with its key in the same file."""
    file = directory / f"{names.replace(':', '-')}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    for extension in (f"subjectAltName={names}", "keyUsage=critical,keyCertSign,digitalSignature"):
        command += ["-addext", extension]
    subprocess.run([*command, "-keyout", file, "-out", f"{file}.crt"], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file
