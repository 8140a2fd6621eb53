. ../../net.sh
space p1 n1 r1 r2 p2
forwards n1 r1 r2
# A pod as Calico attaches it: a /32, and a gateway that is no one's.
wire p1 eth0 02:00:0a:f4:01:02 n1 cali1 ee:ee:ee:ee:ee:ee
ip -n p1 address add 10.244.1.2/32 dev eth0
ip -n p1 route add 169.254.1.1 dev eth0 scope link
ip -n p1 route add default via 169.254.1.1 dev eth0
ip -n n1 route add 10.244.1.2 dev cali1 scope link
set_in n1 net.ipv4.conf.cali1.proxy_arp=1 net.ipv4.conf.cali1.rp_filter=1 net.ipv4.neigh.cali1.proxy_delay=0
wire n1 up1 02:00:0a:00:01:01 r1 left 02:00:0a:00:01:02
wire n1 up2 02:00:0a:00:02:01 r2 left 02:00:0a:00:02:02
wire r1 right 02:00:0a:00:03:01 p2 by1 02:00:0a:00:03:02
wire r2 right 02:00:0a:00:04:01 p2 by2 02:00:0a:00:04:02
address n1 up1 10.0.1.1/24
address r1 left 10.0.1.2/24
address n1 up2 10.0.2.1/24
address r2 left 10.0.2.2/24
address r1 right 10.0.3.1/24
address p2 by1 10.0.3.2/24
address r2 right 10.0.4.1/24
address p2 by2 10.0.4.2/24
route n1 default via 10.0.1.2
route r1 10.9.0.0/24 via 10.0.3.2
ip -n p2 address add 10.9.0.1/32 dev lo
route p2 10.244.1.0/24 via 10.0.4.1
route r2 10.244.1.0/24 via 10.0.2.1
route r1 10.244.1.0/24 via 10.0.1.1
set_in n1 net.ipv4.conf.up2.rp_filter=2
rules n1 <<'R'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -i cali1 -m rpfilter --validmark --invert -j DROP
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -i cali1 -p udp -m udp --dport 99 -j REJECT --reject-with icmp-admin-prohibited
-A FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
R
