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
address b eth0 10.0.0.65/24
address a eth0 10.0.0.66/24
set_in b net.ipv4.conf.eth0.arp_announce=0
route b 10.8.0.0/16 via 10.0.0.1 src 10.5.0.1
route b 10.7.0.0/16 via 10.0.0.66 src 10.0.0.65
