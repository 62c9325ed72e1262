"""The development keys of one stack folder: made at its first start, kept for the next ones."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stack.errors import StackError


class KeysError(StackError):
    """The file of the keys is not to be read."""


@dataclass(frozen=True)
class Keys:
    """API keys in Supabase's format, lite's shared secret, the file of the key that signs access tokens."""

    publishable_key: str
    secret_key: str
    jwt_secret: str
    signing_key_file: Path


def write_private(path: Path, content: str) -> None:
    """Replace a file's content at once, readable by its owner only; a reader never sees half of it."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    draft.replace(path)


def load_or_create(directory: Path) -> Keys:
    """The keys of this stack folder; those that are missing are made.

    Raises:
        KeysError: keys.json is not what this function wrote.
    """
    signing_key_file = directory / "signing-key.pem"
    if not signing_key_file.exists():
        # ES256, RFC 7518: what hosted Supabase signs access tokens with.
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(signing_key_file, pem.decode())
    file = directory / "keys.json"
    if not file.exists():
        made = {
            "publishable_key": f"sb_publishable_{secrets.token_urlsafe(24)}",
            "secret_key": f"sb_secret_{secrets.token_urlsafe(24)}",
            "jwt_secret": secrets.token_urlsafe(32),
        }
        write_private(file, json.dumps(made, indent=2) + "\n")
    try:
        return Keys(**json.loads(file.read_text()), signing_key_file=signing_key_file)
    except (TypeError, ValueError) as error:
        raise KeysError(f"{file} is not a key file of the stack: delete it to have new keys made") from error


def public_keys(keys: Keys) -> dict[str, str]:
    """The two keys that clients are given, by the names of their environment variables."""
    values = asdict(keys)
    return {f"SUPABASE_{name.upper()}": values[name] for name in ("publishable_key", "secret_key")}
