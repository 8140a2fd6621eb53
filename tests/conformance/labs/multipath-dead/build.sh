. ../../net.sh
fork_in_the_road
set_in r net.ipv4.fib_multipath_hash_seed=7
route r 10.9.0.0/16 nexthop via 10.0.2.2 nexthop via 10.0.3.2
ip -n r link set up2 down
