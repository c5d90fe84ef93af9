import { run, until } from "./command";

/** The node's address, as seen from the machine and from pods. */
export const nodeAddress = "10.88.0.1";
const link = "lab0";
const services = "10.96.0.0/16";
const pods = "10.244.0.0/16";
/** The address ranges that are routed over the link. */
export const addresses = [nodeAddress, services, pods] as const;

/** Connects the node's network namespace to the machine by a pair of links. The node has no route out of the machine. */
export async function connect(node: number): Promise<void> {
  await run(["ip", "-batch", "-"], {
    where: "plain",
    input: [
      `link add ${link} type veth peer name eth0 netns ${node}`,
      `addr add 10.88.0.254/24 dev ${link}`,
      `link set ${link} up`,
      `route add ${services} via ${nodeAddress} dev ${link} onlink`,
      `route add ${pods} via ${nodeAddress} dev ${link} onlink`,
    ].join("\n"),
  });
  await run(["ip", "-batch", "-"], {
    where: node,
    input: [
      "link set lo up",
      `addr add ${nodeAddress}/24 dev eth0`,
      "link set eth0 up",
      // Routing comes before DNAT: without this route the node cannot reach webhooks by their Service address.
      `route add ${services} dev eth0 src ${nodeAddress}`,
      "route add unreachable default",
      // The default gateway of every pod: the node answers ARP for it only if it has a route to it.
      "route add 169.254.1.1 dev eth0",
    ].join("\n"),
  });
  await run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], { where: node });
}

/** Waits until the kernel has removed the pair of links, and its routes, with the node's namespace. */
export async function disconnected(): Promise<void> {
  await until(
    `The end of link ${link}`,
    30,
    async () => !(await run(["ip", "-brief", "link"])).includes(`${link}@`),
  );
}

/** Routes of this machine that already use the lab's addresses. */
export async function clashingRoutes(): Promise<string[]> {
  const routes = (await run(["ip", "-4", "route"], { where: "plain" })).split("\n");
  return routes.filter((route) => /^10\.(88|96|244)\./.test(route) && !route.includes(` dev ${link}`));
}
