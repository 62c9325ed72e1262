"""Every knob of the gateway."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """Read from `GATEWAY_*`, the two API keys from `SUPABASE_*`; what is secret has no default."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", populate_by_name=True)

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 54321
    """The TCP port to listen on."""
    public_url: str = "http://127.0.0.1:54321"
    """The project's URL as clients know it; `<public_url>/auth/v1` is the issuer of access tokens."""
    rest_url: str
    """Where lite listens, without a path."""
    realtime_url: str
    """Where the Realtime process listens, http and without a path."""
    database_url: SecretStr
    """Conninfo of a role that may read and write schema auth."""
    jwt_secret: SecretStr
    """The HS256 secret of lite; tokens signed with it never leave the stack."""
    signing_key_file: Path
    """PEM file of the EC P-256 private key that signs access tokens."""
    publishable_key: SecretStr = Field(validation_alias="SUPABASE_PUBLISHABLE_KEY")
    """The key `sb_publishable_…`: role anon."""
    secret_key: SecretStr = Field(validation_alias="SUPABASE_SECRET_KEY")
    """The key `sb_secret_…`: role service_role."""

    access_token_seconds: int = 3600
    """How long an access token is good, as on hosted projects unless they say otherwise."""
    refresh_reuse_seconds: float = 10.0
    """How long after its use a refresh token may be used once more, as on hosted projects."""

    max_body_bytes: int = 16 * 1024 * 1024
    """The largest request body, in bytes; beyond it 413."""
    max_frame_bytes: int = 4 * 1024 * 1024
    """The largest websocket message either way, in bytes; hosted Realtime takes 3 MB on its Pro plan."""
    connect_seconds: float = 1.0
    """How long to wait for a process of the stack to accept a connection."""
    answer_seconds: float = 60.0
    """How long to wait for the next bytes of an answer."""
    pool_connections: int = 100
    """How many connections to lite are open at most; further requests wait for one."""
    database_connections: int = 10
    """How many connections the auth overlay holds to Postgres at most."""
    database_seconds: float = 2.0
    """How long a request waits for one of those connections before it answers 503."""

    @property
    def issuer(self) -> str:
        """The claim `iss` of every access token."""
        return f"{self.public_url.rstrip('/')}/auth/v1"
