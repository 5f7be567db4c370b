/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Live ports: packets in and out in batches, whatever carries them.
 *
 * A port is opened by its description, a driver and what it drives, options behind commas:
 *   eth0, packet:eth0     an interface (AF_PACKET), promiscuous
 *       ring=N            packets that wait to be received, 64 to 16384, 2 KiB each (default
 *                         1024 for all queues together); 0: no ring, which is slower
 *       promisc=off       only what is sent to the interface's own address
 *       gso=tcp           no trains but those of TCP in no tunnel: others are lost. So it is always
 *                         before Linux 6.2; SCTP's trains are lost in any case
 *       bypass            sends past the queueing discipline; tcpdump does not see it
 *   xdp:eth0              the same past the system's network stack (AF_XDP), which then sees
 *                         nothing of what comes by it; in builds with libxdp
 *       mode=native       how packets are led here: by the driver, or by the stack (generic); the
 *                         default is native where the driver has it
 *       zerocopy=on       fails where the driver must copy; off: lets it. Default: what it can
 *       ring=N            packets that wait to be received, and to be sent, of each queue: 64 to
 *                         8192 (default 1024), rounded up to a power of two
 *       busy-poll=N       recv has the driver look for packets (SO_PREFER_BUSY_POLL, and N us of
 *                         SO_BUSY_POLL, which poll() heeds where net.core.busy_poll is set)
 *       promisc=off
 *   tap:NAME              a TAP device, made if there is none and brought up
 *       persist           it stays when the port is closed
 *   pcap:IN,OUT           receives the packets of one capture, writes those sent to another; either
 *                         may be empty (nothing to receive; what is sent is only counted)
 *       pace              in the capture's time; else at once
 *       clock=capture     the packets' time is the capture's, not when they were received
 *   dpdk:DEVICE           one of DPDK's: "0000:03:00.0", "net_memif0,role=client,id=0": words
 * behind commas are DPDK's, but for those that begin with "beba."; in a driver of its own
 * (io/plugin.h), which starts DPDK with the first such port beba.rx=N, beba.tx=N  descriptors of
 * each queue, 64 to 16384 (default 1024) beba.mtu=N        asked of the device, 68 to 16000
 * (default: what it has) beba.nap=US       microseconds that its thread sleeps at most when nothing
 * comes, up to 1000 (default 50); 0: it never sleeps beba.promisc=off
 *
 * XDP ports. Queue i of n has each n-th queue of the interface from its i-th on, so all are served;
 * -ENOTSUP when there are fewer than n, -EBUSY when another XDP program or port is on it. Packets
 * go past the queueing discipline. Frames have room for the interface's MTU when the port was
 * opened, 3.6 KB at most; longer packets are lost, and counted. In generic mode
 * so are trains, and tags that were left to the interface are not seen; in native mode a veth's
 * other end makes no trains, and tags are back in the bytes. Where the interface is not hardware,
 * checksums left to it are found by having the pseudo-header's sum only. Packets that lie in the
 * ring when the interface goes down are sent when it is up again. The descriptor does not tell that
 * the interface is gone; recv, send and flush see it.
 *
 * Threads. A struct beba_port belongs to one thread at a time. Several threads serve one interface
 * by opening it once each, as queue i of n: the kernel spreads flows over them (fanout by hash;
 * queues of a TAP), and each sends by its own. Only counters and status may be asked for by others.
 * Ports opened with one group share what can be shared: those of all threads an interface's queues,
 * those of one thread (of the same opts.queue) memory, so that packets need not be copied between
 * them. Such a group's ports may be opened and closed by any thread while others are in use.
 *
 * Memory is made at open. Packets received lie in the driver's ring or buffers, may be edited there
 * and have head- and tailroom of BEBA_HEADROOM and BEBA_TAILROOM at least; sent ones are copied, or
 * are with the kernel when the call returns. Passed ones (beba_port_pass) are not touched any more
 * and go out from where they lie, when that is memory that both ports have.
 *
 * Offloads need not be switched off anywhere. VLAN tags that the kernel took off are back in the
 * bytes; checksums that the sender left to its interface are completed. A packet that stands for a
 * train of segments (GSO: namespaces and virtual machines send TCP so) comes as one with
 * packet->segment set; its transport checksum is void until it is sent. Whichever port sends it
 * hands it on as one or cuts it (io/segment.h), with lengths and checksums of the headers that it
 * has then: it may be edited as any other.
 *
 * Loop: wait for POLLIN on fd; receive until nothing comes; flush the ports sent to. A port without
 * fd is polled: io/idle.h says how long to wait between. */
#ifndef BEBA_IO_PORT_H
#define BEBA_IO_PORT_H

#include "io/capture.h"
#include "packet/packet.h"

#include <time.h>

struct beba_error;
struct beba_netdev;
struct beba_netdev_link;
struct beba_port;
struct beba_port_group;

enum { BEBA_PORT_BATCH = 64 };

struct beba_port_opts {
    uint32_t number;               /* in_port of what is received */
    unsigned queue, n_queues;      /* this is queue of n_queues; 0 of 0 is 0 of 1 */
    clockid_t clock;               /* of packet->now: 0 is CLOCK_REALTIME */
    struct beba_port_group *group; /* NULL: shares nothing with others */
};

/* -ENOMEM. */
int beba_port_group_new(struct beba_port_group **out);
/* After its ports have been closed. */
void beba_port_group_free(struct beba_port_group *group);

/* -EINVAL: a description that means nothing; -ENODEV: no such interface
 * yet; -EPERM; -ENOTSUP: several
 * queues where there is one. */
int beba_port_open(const char *description, const struct beba_port_opts *opts,
                   struct beba_port **out, struct beba_error *err);
/* Sends what is queued. An error that is of the port's files (pcap) comes with err. */
int beba_port_close(struct beba_port *port, struct beba_error *err);

/* The interface's name when it was opened; "IN,OUT" of a pcap pair. */
const char *beba_port_name(const struct beba_port *port);
/* How the interface is driven, for people: "native XDP, copied, 2 queues"; "" of most drivers. */
const char *beba_port_about(const struct beba_port *port);
/* 0 where there is none. */
int beba_port_ifindex(const struct beba_port *port);
/* Readable (POLLIN, POLLERR) when recv has something to do and all that was received is released;
 * the same for the port's life. -1: the port must be polled. */
int beba_port_fd(const struct beba_port *port);
/* Of a port without fd: microseconds that its thread may sleep at most; 0: it must not. */
unsigned beba_port_nap(const struct beba_port *port);
/* Of a port that is no interface of the system, how it is now (io/netdev.h; ifindex 0); false of
 * others. Any thread may ask. */
bool beba_port_tell(struct beba_port *port, struct beba_netdev *dev, struct beba_netdev_link *link);

/* Releases what was received before and receives up to max <= BEBA_PORT_BATCH packets, without
 * waiting; fills all but the parsed headers. */
unsigned beba_port_recv(struct beba_port *port, struct beba_packet *packet, unsigned max);
/* Gives the packets received back to the driver; also done by recv, also when it returns 0. */
void beba_port_release(struct beba_port *port);

/* Queues a packet; when the queue is full it is flushed. queue is OpenFlow's: 0, or N for
 * class 1:(N + 1) of the interface's queueing discipline. What cannot be sent is counted. */
void beba_port_send(struct beba_port *port, uint32_t queue, const struct beba_packet *packet);
/* As send, for a packet whose bytes the caller will not touch again: of one that lies in memory
 * that this port's thread shares, nothing is copied. */
void beba_port_pass(struct beba_port *port, uint32_t queue, const struct beba_packet *packet);
void beba_port_flush(struct beba_port *port);

enum beba_port_status {
    BEBA_PORT_READY,
    BEBA_PORT_DOWN,  /* the interface is down; goes on when it is up again */
    BEBA_PORT_GONE,  /* the interface was removed: close; open anew when one of its name appears */
    BEBA_PORT_ENDED, /* the capture has been received, or is broken from here: see its error */
};
/* As of the last recv, send or flush; io/netdev.h tells at once. */
enum beba_port_status beba_port_status(const struct beba_port *port);

/* Why packets were not received or not sent. */
enum beba_port_loss {
    BEBA_PORT_RX_FULL,      /* the ring was full */
    BEBA_PORT_RX_TRUNCATED, /* longer than any buffer, or cut on the way */
    BEBA_PORT_RX_SHORT,     /* less than an Ethernet header */
    BEBA_PORT_RX_OFFLOAD,   /* left unfinished by the sender in a way that cannot be mended */
    BEBA_PORT_RX_ERROR,     /* of the interface or the file */
    BEBA_PORT_TX_FULL,      /* the interface's queue or the socket's buffer was full */
    BEBA_PORT_TX_MTU,   /* longer than the interface takes: a 802.1Q tag counts extra, others not */
    BEBA_PORT_TX_SHORT, /* less than an Ethernet header */
    BEBA_PORT_TX_SEGMENT, /* a train that cannot be cut as it was edited */
    BEBA_PORT_TX_DOWN,
    BEBA_PORT_TX_GONE,
    BEBA_PORT_TX_ERROR, /* anything else that the kernel or the file said */
    BEBA_PORT_N_LOSSES
};
struct beba_port_loss_info {
    const char *name; /* "ring_full" */
    const char *help; /* one line */
    bool tx, error;   /* OpenFlow's statistics have drops and errors */
};
extern const struct beba_port_loss_info beba_port_losses[BEBA_PORT_N_LOSSES];

/* Trains count as one packet. tx counts what the kernel or the file has taken. */
struct beba_port_counters {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t loss[BEBA_PORT_N_LOSSES];
};
void beba_port_counters(struct beba_port *port, struct beba_port_counters *out);

#endif
