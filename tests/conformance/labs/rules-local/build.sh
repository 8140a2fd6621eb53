. ../../net.sh
chain a r b
address b left 10.0.2.9/24
rules a <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -p udp -m udp --dport 4 -m owner ! --socket-exists -j DROP
-A POSTROUTING -p udp -m udp --dport 5 -m owner --uid-owner 1000-2000 -j DROP
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p udp -m udp --dport 1 -j DROP
-A OUTPUT -p udp -m udp --dport 2 -m owner --uid-owner 0 -j DROP
-A OUTPUT -p udp -m udp --dport 3 -m owner ! --uid-owner 0 -j DROP
-A OUTPUT -p udp -m udp --dport 6 -m owner --gid-owner 0 --socket-exists -j DROP
-A OUTPUT -p icmp -m owner --uid-owner 0
-A OUTPUT -o lo -p udp -m udp --dport 7 -j DROP
-A INPUT -i lo -p udp -m udp --dport 8 -j DROP
COMMIT
RULES
