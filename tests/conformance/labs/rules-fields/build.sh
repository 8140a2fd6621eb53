. ../../net.sh
chain a r b
rules r <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m addrtype ! --dst-type LOCAL -j DROP
-A INPUT -m addrtype --src-type UNICAST --dst-type LOCAL -p icmp
-A FORWARD -p udp -m udp --dport 1 -m length --length 31:65535 -j DROP
-A FORWARD -p udp -m udp --dport 2 -m length ! --length 30 -j DROP
-A FORWARD -p icmp -m ttl --ttl-lt 10 -j DROP
-A FORWARD -p icmp -m ttl --ttl-eq 20 -j DROP
-A FORWARD -p udp -m multiport --dports 3,5:7,9 -j DROP
-A FORWARD -p udp -m multiport ! --ports 40000,1:12 -j DROP
-A FORWARD -m iprange --src-range 10.0.1.1-10.0.1.9 -p udp -m udp --dport 10 -j DROP
-A FORWARD -m iprange ! --dst-range 10.0.2.3-10.0.2.9 -p udp -m udp --dport 11 -j DROP
-A FORWARD -m addrtype --dst-type UNICAST -p udp -m udp --dport 12 -j DROP
-A FORWARD -p icmp -m icmp --icmp-type 0 -j DROP
-A FORWARD ! -i left -j RETURN
-A FORWARD -o rig+ -p udp -m udp --sport 40001 -j DROP
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:came - [0:0]
-A POSTROUTING -p udp -m multiport --dports 14,15,16 -j came
-A came -i left -p udp -m udp --dport 14 -j DROP
-A came ! -i left -p udp -m udp --dport 15 -j DROP
-A came ! -i left -p udp -m udp --dport 16 -j DROP
COMMIT
RULES
