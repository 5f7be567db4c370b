/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the watcher says against what `ip` did. */
#include "io/live.h"

static struct beba_netdevs *watch(void)
{
    struct beba_netdevs *devs;
    struct beba_error err = {0};

    if (beba_netdevs_open(&devs, &err))
        fail_msg("%s", err.what);
    return devs;
}

/* The next event of the interface, others passed over. */
static struct beba_netdev_event next(struct beba_netdevs *devs, const char *name)
{
    struct pollfd fd = {.fd = beba_netdevs_fd(devs), .events = POLLIN};
    struct beba_netdev_event e;
    int rc;

    for (;;) {
        rc = beba_netdevs_next(devs, &e);
        assert_true(rc >= 0);
        if (rc == 1 && !strcmp(e.now.name, name))
            return e;
        if (!rc && poll(&fd, 1, 1000) != 1)
            fail_msg("no event of %s", name);
    }
}

static void what_is_there_at_first(void **state)
{
    struct beba_netdev_event e;
    struct beba_netdev dev, other;
    struct beba_netdevs *devs;
    unsigned cursor = 0, n = 0;

    (void)state;
    make_pair("d0", "p0");
    run("ip link set d0 address 02:00:00:00:00:77 mtu 1234");
    devs = watch();
    assert_true(beba_netdevs_find(devs, "d0", &dev));
    assert_int_equal(dev.ifindex, if_nametoindex("d0"));
    assert_int_equal(dev.mtu, 1234);
    assert_memory_equal(dev.mac, "\x02\x00\x00\x00\x00\x77", 6);
    assert_true(dev.up && dev.running);
    assert_true(beba_netdevs_at(devs, dev.ifindex, &other));
    assert_string_equal(other.name, "d0");
    assert_false(beba_netdevs_find(devs, "d1", &other));
    assert_false(beba_netdevs_at(devs, 9999, &other));
    while (beba_netdevs_each(devs, &cursor, &other))
        n += !strcmp(other.name, "d0") || !strcmp(other.name, "lo");
    assert_int_equal(n, 2);
    assert_int_equal(beba_netdevs_next(devs, &e), 0);
    beba_netdevs_close(devs);
    unmake("d0");
}

static void a_life(void **state)
{
    struct beba_netdevs *devs = watch();
    struct beba_netdev_event e;
    struct beba_netdev dev;
    int index;

    (void)state;
    run("ip link add v0 type veth peer name v1");
    e = next(devs, "v0");
    assert_int_equal(e.change, BEBA_NETDEV_APPEARED);
    assert_false(e.now.up || e.now.running);
    index = e.now.ifindex;
    run("ip link set v0 up");
    e = next(devs, "v0");
    assert_int_equal(e.change, BEBA_NETDEV_CHANGED);
    assert_true(e.now.up && !e.now.running); /* the other end is down */
    assert_false(e.before.up);
    run("ip link set v1 up");
    e = next(devs, "v0");
    assert_true(e.now.up && e.now.running);
    run("ip link set v0 mtu 1400");
    e = next(devs, "v0");
    assert_int_equal(e.now.mtu, 1400);
    assert_int_equal(e.before.mtu, 1500);
    run("ip link set v1 down");
    e = next(devs, "v0");
    assert_true(e.now.up && !e.now.running);
    assert_int_equal(beba_netdevs_set_up(devs, index, false), 0);
    e = next(devs, "v0");
    assert_false(e.now.up);
    run("ip link set v0 address 02:00:00:00:00:99");
    e = next(devs, "v0");
    assert_int_equal(e.now.mac[5], 0x99);
    run("ip link set v0 name v7");
    e = next(devs, "v7");
    assert_int_equal(e.change, BEBA_NETDEV_CHANGED);
    assert_string_equal(e.before.name, "v0");
    assert_int_equal(e.now.ifindex, index);
    run("ip link del v7");
    e = next(devs, "v7");
    assert_int_equal(e.change, BEBA_NETDEV_GONE);
    assert_int_equal(e.now.ifindex, index);
    assert_false(beba_netdevs_find(devs, "v7", &dev));
    assert_int_equal(beba_netdevs_set_up(devs, index, true), -ENODEV);
    beba_netdevs_close(devs);
}

/* A bridge tells of its ports in messages of its own, which are about no new or lost interface. */
static void bridges_do_not_confuse(void **state)
{
    struct beba_netdevs *devs = watch();
    struct beba_netdev_event e;
    struct beba_netdev dev;

    (void)state;
    if (system("ip link add br7 type bridge 2>/dev/null")) {
        printf("SKIPPED: no bridges here\n");
        beba_netdevs_close(devs);
        return;
    }
    make_pair("v0", "v1");
    run("ip link set v0 master br7 && ip link set v0 nomaster");
    run("ip link set v1 mtu 1300");
    do {
        e = next(devs, "v1");
        assert_int_not_equal(e.change, BEBA_NETDEV_GONE);
    } while (e.now.mtu != 1300);
    assert_true(beba_netdevs_find(devs, "v0", &dev));
    unmake("v0");
    unmake("br7");
    beba_netdevs_close(devs);
}

/* More changes than the socket holds: the difference is found nevertheless. */
static void lost_messages_are_made_up_for(void **state)
{
    enum { ROUNDS = 1500 };
    struct beba_netdevs *devs;
    struct beba_netdev_event e;
    struct beba_netdev dev;
    int small = 4096, rc;
    unsigned appeared = 0, gone = 0;
    FILE *batch;

    (void)state;
    make_pair("old0", "old1");
    run("ip link add kept0 type veth peer name kept1");
    devs = watch();
    setsockopt(beba_netdevs_fd(devs), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    batch = popen("ip -batch -", "w");
    assert_non_null(batch);
    fputs("link set kept0 up\n", batch);
    for (unsigned i = 0; i < ROUNDS; i++)
        fprintf(batch, "link set kept0 mtu %u\n", 1400 + i % 7);
    fputs("link set kept0 mtu 1399\nlink del old0\nlink add new0 type veth peer name new1\n",
          batch);
    assert_int_equal(pclose(batch), 0);
    while ((rc = beba_netdevs_next(devs, &e)) == 1) {
        appeared += e.change == BEBA_NETDEV_APPEARED && !strcmp(e.now.name, "new0");
        gone += e.change == BEBA_NETDEV_GONE && !strcmp(e.now.name, "old0");
    }
    assert_int_equal(rc, 0);
    assert_int_equal(appeared, 1);
    assert_int_equal(gone, 1);
    assert_true(beba_netdevs_find(devs, "kept0", &dev));
    assert_int_equal(dev.mtu, 1399);
    assert_true(dev.up);
    assert_true(beba_netdevs_find(devs, "new0", &dev));
    assert_false(beba_netdevs_find(devs, "old0", &dev));
    beba_netdevs_close(devs);
    run("ip link del kept0 && ip link del new0");
}

static void speeds_and_statistics(void **state)
{
    uint8_t frame[100];
    struct beba_netdevs *devs = watch();
    struct beba_netdev_link link;
    struct beba_netdev_stats a, b;
    int raw, v0;

    (void)state;
    make_pair("v0", "v1");
    v0 = (int)if_nametoindex("v0");
    raw = raw_open("v1");
    assert_int_equal(beba_netdevs_link(devs, v0, &link), 0);
    assert_int_equal(link.speed, 10000000);
    assert_int_equal(link.max_speed, 10000000);
    assert_int_equal(link.current, BEBA_NETDEV_10GB_FD | BEBA_NETDEV_COPPER);
    assert_int_equal(beba_netdevs_link(devs, (int)if_nametoindex("lo"), &link), 0);
    assert_int_equal(link.speed, 0);
    assert_int_equal(beba_netdevs_link(devs, 9999, &link), -ENODEV);
    assert_int_equal(beba_netdevs_stats(devs, v0, &a), 0);
    fill_frame(frame, 100);
    for (unsigned i = 0; i < 7; i++)
        raw_send(raw, NULL, frame, 100);
    assert_int_equal(beba_netdevs_stats(devs, v0, &b), 0);
    assert_int_equal(b.rx_packets - a.rx_packets, 7);
    assert_int_equal(b.rx_bytes - a.rx_bytes, 700);
    assert_int_equal(b.tx_packets, a.tx_packets);
    assert_int_equal(beba_netdevs_stats(devs, 9999, &b), -ENODEV);
    assert_int_equal(beba_netdevs_stats(devs, 0, &b), -ENODEV);
    close(raw);
    beba_netdevs_close(devs);
    unmake("v0");
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(what_is_there_at_first), cmocka_unit_test(a_life),
        cmocka_unit_test(bridges_do_not_confuse), cmocka_unit_test(lost_messages_are_made_up_for),
        cmocka_unit_test(speeds_and_statistics),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
    return main_in_namespace(tests);
}
