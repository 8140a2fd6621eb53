. ../../net.sh
segment a b c
ip netns exec sw sysctl -qw net.bridge.bridge-nf-call-iptables=1
address sw br0 10.0.0.9/24
rules sw <<'RULES'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 1 -m physdev --physdev-in a -j DROP
-A PREROUTING -p udp -m udp --dport 2 -m physdev ! --physdev-is-in -j DROP
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 3 -m physdev --physdev-in a -j DROP
-A INPUT -p udp -m udp --dport 4 -m physdev --physdev-is-bridged -j DROP
-A FORWARD -p udp -m udp --dport 5 -m physdev --physdev-in a --physdev-out b --physdev-is-bridged -j DROP
-A FORWARD -p udp -m udp --dport 6 -m physdev --physdev-out c+ -j DROP
-A FORWARD -p udp -m udp --dport 7 -m physdev ! --physdev-out b -j DROP
-A FORWARD -p udp -m udp --dport 8 -m physdev ! --physdev-is-bridged -j DROP
-A FORWARD -i br0 -o br0 -p udp -m udp --dport 9 -j DROP
COMMIT
RULES
