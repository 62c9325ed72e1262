// Signing in with Supabase Auth, straight from the browser; the session lives as long as the tab.

export interface Config {
  supabaseUrl: string;
  supabasePublishableKey: string;
}

interface Tokens {
  access_token: string;
  refresh_token: string;
  /** Unix time in seconds. */
  expires_at: number;
  user: { id: string; email?: string };
}

// A token that is this close to its end is not sent any more: the request may take a while to arrive. Seconds.
const MARGIN = 60;
const KEY = "reservepty.session";
// What Auth answers for a password or a refresh token that does not hold; 429 and 5xx say nothing about it.
const REFUSED = new Set([400, 401, 403, 422]);

export class SignInError extends Error {
  constructor(readonly reason: "credentials" | "expired" | "unreachable") {
    super(reason);
  }
}

/** Who is signed in. `ended` is called once when the session cannot go on. */
export class Session {
  private tokens: Tokens | null = null;
  private refreshing: Promise<string> | null = null;
  /** Raised whenever somebody signs in or out: what Auth answers to a question of before is nobody's any more. */
  private generation = 0;
  ended: () => void = () => undefined;

  constructor(private readonly config: Config) {
    this.tokens = kept();
  }

  get isOpen(): boolean {
    return this.tokens !== null;
  }

  /** @throws {SignInError} `expired`: somebody has signed in or out meanwhile, and that counts. */
  async signIn(email: string, password: string): Promise<void> {
    this.turn();
    await this.ask("password", { email, password });
  }

  signOut(): void {
    const token = this.tokens?.access_token;
    this.turn();
    this.keep(null);
    if (token) {
      // The tab forgets the session in any case; that the server does too is a courtesy.
      void fetch(`${this.config.supabaseUrl}/auth/v1/logout?scope=local`, {
        method: "POST",
        headers: { apikey: this.config.supabasePublishableKey, Authorization: `Bearer ${token}` },
      }).catch(() => undefined);
    }
  }

  /**
   * An access token that is good for a while, refreshed if need be; callers at the same time share one refresh.
   * `rejected` is the one that the server has just refused, whatever our clock thinks of it.
   *
   * @throws {SignInError} `expired`: the session is over, and `ended` has been called unless the user ended it.
   */
  readonly token = async (rejected?: string): Promise<string> => {
    if (!this.tokens) throw new SignInError("expired");
    const { access_token, expires_at } = this.tokens;
    if (access_token !== rejected && expires_at - MARGIN > Date.now() / 1000) return access_token;
    this.refreshing ??= this.refresh(this.tokens.refresh_token);
    return this.refreshing;
  };

  private async refresh(refresh_token: string): Promise<string> {
    const { generation } = this;
    try {
      return await this.ask("refresh_token", { refresh_token });
    } catch (error) {
      const isOver = error instanceof SignInError && error.reason === "credentials";
      if (!isOver || generation !== this.generation) throw error;
      this.turn();
      this.keep(null);
      this.ended();
      throw new SignInError("expired");
    } finally {
      if (generation === this.generation) this.refreshing = null;
    }
  }

  private turn(): void {
    this.generation += 1;
    this.refreshing = null;
  }

  private async ask(grant: "password" | "refresh_token", body: object): Promise<string> {
    const { generation } = this;
    let response: Response;
    try {
      response = await fetch(`${this.config.supabaseUrl}/auth/v1/token?grant_type=${grant}`, {
        method: "POST",
        headers: { apikey: this.config.supabasePublishableKey, "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
    } catch {
      throw new SignInError(generation === this.generation ? "unreachable" : "expired");
    }
    if (generation !== this.generation) throw new SignInError("expired");
    if (!response.ok) throw new SignInError(REFUSED.has(response.status) ? "credentials" : "unreachable");
    const { access_token, refresh_token, expires_in, user } = (await response.json()) as Tokens & {
      expires_in: number;
    };
    if (generation !== this.generation) throw new SignInError("expired");
    this.keep({ access_token, refresh_token, expires_at: Date.now() / 1000 + expires_in, user });
    return access_token;
  }

  private keep(tokens: Tokens | null): void {
    this.tokens = tokens;
    if (tokens) sessionStorage.setItem(KEY, JSON.stringify(tokens));
    else sessionStorage.removeItem(KEY);
  }
}

/** What an earlier page of this tab has kept; null where that is nothing, or nothing that can be read. */
function kept(): Tokens | null {
  try {
    const tokens = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Tokens | null;
    return typeof tokens?.access_token === "string" && typeof tokens.refresh_token === "string"
      ? tokens
      : null;
  } catch {
    return null;
  }
}
