/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* TAP devices: the system's side is a packet socket on the interface. */
#include "io/live.h"

static uint8_t frame[FRAME], got[FRAME];
static struct beba_packet packet[BEBA_PORT_BATCH];

static void frames_of_all_lengths(void **state)
{
    static const size_t lengths[] = {14, 60, 64, 1514, 1518, 9014, 65000};
    struct beba_port *port = port_open("tap:t0");
    struct beba_port_counters c;
    uint64_t bytes = 0;
    int raw;

    (void)state;
    run("ip link set t0 mtu 65521");
    assert_int_equal(beba_port_ifindex(port), if_nametoindex("t0"));
    raw = raw_open("t0");
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        size_t len = lengths[i];

        fill_frame(frame, len);
        raw_send(raw, NULL, frame, len);
        assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
        assert_int_equal(packet[0].len, len);
        assert_memory_equal(packet[0].data, frame, len);
        assert_true(packet[0].headroom >= BEBA_HEADROOM);
        assert_true(packet[0].tailroom >= BEBA_TAILROOM);
        beba_port_send(port, 0, &packet[0]);
        beba_port_flush(port);
        assert_int_equal(raw_recv(raw, NULL, got, 1000), len);
        assert_memory_equal(got, frame, len);
        bytes += len;
    }
    beba_store32(frame + 12, 0x81000007); /* a tag */
    raw_send(raw, NULL, frame, 100);
    assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
    assert_int_equal(packet[0].len, 100);
    assert_memory_equal(packet[0].data, frame, 100);
    beba_port_counters(port, &c);
    assert_int_equal(c.rx_packets, sizeof(lengths) / sizeof(*lengths) + 1);
    assert_int_equal(c.rx_bytes, bytes + 100);
    assert_int_equal(c.tx_packets, sizeof(lengths) / sizeof(*lengths));
    assert_int_equal(c.tx_bytes, bytes);
    close(raw);
    beba_port_close(port, NULL);
    assert_int_equal(if_nametoindex("t0"), 0);
}

static void many_at_once(void **state)
{
    struct beba_port *port = port_open("tap:t0");
    unsigned all = 0;
    int raw = raw_open("t0");

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        fill_frame(frame, 60 + i * 4);
        beba_store16(frame + 20, (uint16_t)i);
        raw_send(raw, NULL, frame, 60 + i * 4);
    }
    while (all < 300) {
        unsigned n = port_recv(port, packet, BEBA_PORT_BATCH, 1000);

        assert_true(n);
        for (unsigned i = 0; i < n; i++, all++) {
            assert_int_equal(packet[i].len, 60 + all * 4);
            assert_int_equal(beba_load16(packet[i].data + 20), all);
        }
    }
    close(raw);
    beba_port_close(port, NULL);
}

static void down_and_gone(void **state)
{
    struct beba_packet p = {.data = frame, .len = 60, .wire_len = 60};
    struct beba_port *port = port_open("tap:t0");

    (void)state;
    fill_frame(frame, 60);
    run("ip link set t0 down");
    beba_port_send(port, 0, &p);
    assert_int_equal(lost(port, BEBA_PORT_TX_DOWN), 1);
    assert_int_equal(beba_port_status(port), BEBA_PORT_DOWN);
    run("ip link set t0 up");
    beba_port_send(port, 0, &p);
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    run("ip link del t0");
    beba_port_send(port, 0, &p);
    assert_int_equal(beba_port_status(port), BEBA_PORT_GONE);
    assert_int_equal(lost(port, BEBA_PORT_TX_GONE), 1);
    assert_int_equal(beba_port_recv(port, packet, BEBA_PORT_BATCH), 0);
    assert_int_equal(beba_port_close(port, NULL), 0);
    port = port_open("tap:t0");
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    beba_port_close(port, NULL);
}

static void one_that_persists_can_be_attached_again(void **state)
{
    struct beba_port_opts opts = {0};
    struct beba_error err = {0};
    struct beba_port *other, *port = port_open("tap:t0,persist");
    unsigned index = if_nametoindex("t0");

    (void)state;
    assert_int_equal(beba_port_open("tap:t0", &opts, &other, &err), -EBUSY);
    assert_non_null(strstr(err.what, "cannot make or attach"));
    beba_port_close(port, NULL);
    assert_int_equal(if_nametoindex("t0"), index);
    port = port_open("tap:t0");
    assert_int_equal(beba_port_ifindex(port), index);
    beba_port_close(port, NULL);
    assert_int_equal(if_nametoindex("t0"), index);
    run("ip link del t0");
    make_pair("t0", "t1");
    assert_int_equal(beba_port_open("tap:t0", &opts, &other, &err), -EINVAL);
    assert_non_null(strstr(err.hint, "no TAP device"));
    unmake("t0");
}

static void several_queues(void **state)
{
    struct beba_port *port[2];
    unsigned all = 0;
    int raw;

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        port[i] = port_open_n("tap:t0", i, 2);
    raw = raw_open("t0");
    for (unsigned i = 0; i < 100; i++) {
        fill_frame(frame, 60);
        beba_store32(frame + 8, i);
        raw_send(raw, NULL, frame, 60);
    }
    for (unsigned i = 0; i < 2; i++) {
        unsigned n;

        while ((n = port_recv(port[i], packet, BEBA_PORT_BATCH, 50)))
            all += n;
        packet[0] = (struct beba_packet){.data = frame, .len = 60, .wire_len = 60};
        beba_port_send(port[i], 0, &packet[0]);
        assert_int_equal(raw_recv(raw, NULL, got, 1000), 60);
    }
    assert_int_equal(all, 100);
    for (unsigned i = 0; i < 2; i++)
        beba_port_close(port[i], NULL);
    close(raw);
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(frames_of_all_lengths),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(down_and_gone),
        cmocka_unit_test(one_that_persists_can_be_attached_again),
        cmocka_unit_test(several_queues),
    };

    if (access("/dev/net/tun", R_OK | W_OK)) {
        printf("SKIPPED: no /dev/net/tun\n");
        return 77;
    }
    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
    return main_in_namespace(tests);
}
