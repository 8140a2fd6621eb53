. ../../net.sh
chain a r b
ip -n a route del default
ip -n a route add default dev right
ip -n b route del 10.0.1.0/24
ip -n b route add default dev left
set_in r net.ipv4.conf.all.proxy_arp=1
knows r left 10.0.1.1 02:00:0a:00:01:01
knows b left 10.0.1.1 02:00:0a:00:02:01
