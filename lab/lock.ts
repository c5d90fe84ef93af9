import net from "node:net";
import { Fault } from "./fault";
import { folders } from "./folders";

/**
 * Makes this process the only one on the machine that changes the lab, whose addresses, routes and cgroups exist once.
 * Throws a Fault with the other's PID, command, folder and start time while another process holds the lock.
 */
export async function takeLock(command: string, name = "shopzier-mesh-lab"): Promise<void> {
  // An abstract socket exists once per machine and disappears with its process, so a dead owner cannot leave it behind.
  const address = `\0${name}`;
  const owner = `PID ${process.pid} (lab ${command}) in ${folders.checkout}, since ${new Date().toISOString()}`;
  const server = net.createServer((socket) => socket.on("error", () => undefined).end(owner));
  const taken = await new Promise<boolean>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    server.listen(address, () => {
      resolve(true);
    });
  });
  if (!taken)
    throw new Fault(
      `Another lab command is at work on this machine: ${(await askOwner(address)) ?? "it does not say which (is it stopped?)"}.\nWait for its end, or end it, and repeat the command.`,
    );
  server.unref();
}

/** PID of the process that holds a lock. */
export async function lockHolder(name: string): Promise<number | undefined> {
  const pid = /^PID (\d+) /.exec((await askOwner(`\0${name}`)) ?? "")?.[1];
  return pid === undefined ? undefined : Number(pid);
}

function askOwner(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(address).setEncoding("utf8");
    let text = "";
    const done = (): void => {
      socket.destroy();
      resolve(text === "" ? undefined : text);
    };
    socket.setTimeout(2000, done).on("data", (chunk: string) => (text += chunk));
    socket.on("end", done).on("error", done);
  });
}
