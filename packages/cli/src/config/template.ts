/** What `holdfast init` writes: two nodes, a witness and an initiator on one machine, ready to start. */
export const configTemplate = `# Holdfast: one volume on two nodes.
# Relative paths start from the folder of this file. Addresses are unix:PATH, tcp:HOST:PORT or tcp:[IPV6]:PORT.
# TCP that leaves this machine needs tls: { certificate, key, authority } or tls: { presharedKey }.

cluster: my-cluster        # the same everywhere; who names another one is refused
group: main                # volumes that fail over together, with one order of writes

# lan: both sites on one campus, a lost site costs about 0.6 s. metro: leases of seconds.
# Single numbers can be changed: timing: { profile: lan, leaseTtlMs: 400 }
timing: lan

# mediator: the witness decides which side goes on. { preElected: north }: that node, always.
faultModel: mediator

volumes:
  vol0: { size: 256MiB }

# A third place, best a third failure domain. It holds no data, and losing it never stops I/O.
witness:
  listen: unix:./run/witness.sock
  store: ./witness
  bootToken: ./witness.boot-token   # best on another disk, outside what a backup puts back

nodes:
  north:
    role: preferred        # orders the writes, and goes on when the two lose each other
    store: ./north/store
    control: unix:./run/north.control.sock
    peerLink: { listen: "unix:./run/north.link.sock" }   # the other node dials this
    paths: unix:./run/north.paths.sock                   # initiators come here
    legs:
      vol0: { data: ./north/vol0.data, metadata: ./north/vol0.metadata, content: zeros }
  south:
    role: nonPreferred
    store: ./south/store
    control: unix:./run/south.control.sock
    paths: unix:./run/south.paths.sock
    legs:
      vol0: { data: ./south/vol0.data, metadata: ./south/vol0.metadata, content: zeros }

# On the host: one local NBD socket over the paths to both nodes.
initiator:
  nbd: unix:./run/volume.nbd.sock
`;
