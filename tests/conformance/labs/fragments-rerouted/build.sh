. ../../net.sh
fork_in_the_road
ip -n a link set dev eth0 mtu 1500
# From r itself: up1 carries 600 bytes, up2 1280.
ip -n r link set dev up1 mtu 600
ip -n b link set dev eth0 mtu 600
ip -n r link set dev up2 mtu 1280
ip -n c link set dev eth0 mtu 1280
for n in b c; do knows "$n" eth0 "10.0.$([ $n = b ] && echo 2 || echo 3).1" "02:00:0a:00:0$([ $n = b ] && echo 2 || echo 3):01" permanent; done
knows r up1 10.0.2.2 02:00:0a:00:02:02 permanent
knows r up2 10.0.3.2 02:00:0a:00:03:02 permanent
ip -n r rule add fwmark 1 lookup 100
ip -n r rule add fwmark 2 lookup 200
ip -n r route add default via 10.0.3.2 table 100
ip -n r route add default via 10.0.2.2 table 200
route r 10.9.1.0/24 via 10.0.2.2
route r 10.9.2.0/24 via 10.0.3.2
rules r <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -p udp -m udp --dport 1 -j MARK --set-xmark 0x1/0xffffffff
-A OUTPUT -p udp -m udp --dport 2 -j MARK --set-xmark 0x2/0xffffffff
-A OUTPUT -p icmp -d 10.9.1.0/24 -j MARK --set-xmark 0x1/0xffffffff
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -p udp -m udp --dport 3 -j DNAT --to-destination 10.9.2.3:3
-A OUTPUT -p udp -m udp --dport 4 -j DNAT --to-destination 10.9.1.4:4
COMMIT
RULES
