. ../../net.sh
space a b
wire a eth0 02:00:0a:00:00:01 b eth0 02:00:0a:00:00:02
wire a eth1 02:00:0a:00:01:01 b eth1 02:00:0a:00:01:02
address a eth0 10.0.0.1/24
address a eth1 10.0.1.1/24
address b eth0 10.0.0.2/24
address b eth1 10.0.1.2/24
address b lo 10.5.0.1/32
ip -n b address add 10.6.0.1/32 dev lo scope link
set_in b net.ipv4.conf.eth0.arp_ignore=8
