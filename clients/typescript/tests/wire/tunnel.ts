import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy that can cut, stall and refuse. */
export class Tunnel {
  readonly #target: URL;
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  #refusing = false;
  /** Connections taken so far. */
  taken = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((client) => this.#take(client));
  }

  static async to(target: string): Promise<Tunnel> {
    const tunnel = new Tunnel(target);
    await new Promise<void>((resolve) => tunnel.#server.listen(0, "127.0.0.1", resolve));
    return tunnel;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the tunnel does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Cuts every connection, as a train does in a tunnel. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Cuts every connection, and takes none until `accept`. */
  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  accept(): void {
    this.#refusing = false;
  }

  /** Lets nothing through on the connections that there are, and does not say so. */
  stall(): void {
    for (const [client, server] of this.#pairs) {
      client.unpipe(server);
      server.unpipe(client);
      client.pause();
      server.pause();
    }
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(client: Socket): void {
    if (this.#refusing) {
      client.destroy();
      return;
    }
    this.taken += 1;
    const server = connect(Number(this.#target.port), this.#target.hostname);
    const pair: [Socket, Socket] = [client, server];
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [server, client] as const]) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}
