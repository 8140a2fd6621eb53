. ../../net.sh
chain a r b
rules r <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 1 -m recent --set --name knock --mask 255.255.255.255 --rsource -j DROP
-A FORWARD -p udp -m udp --dport 2 -m recent --rcheck --seconds 1 --hitcount 2 --name knock --mask 255.255.255.255 --rsource -j ACCEPT
-A FORWARD -p udp -m udp --dport 2 -j DROP
-A FORWARD -p udp -m udp --dport 3 -m recent --remove --name knock --mask 255.255.255.255 --rsource -j DROP
-A FORWARD -p udp -m udp --dport 4 -m recent ! --rcheck --name knock --mask 255.255.255.255 --rsource -j DROP
-A FORWARD -p udp -m udp --dport 5 -m recent --update --seconds 2 --hitcount 3 --rttl --name other --mask 255.255.255.0 --rdest -j DROP
-A FORWARD -p udp -m udp --dport 5 -m recent --set --name other --mask 255.255.255.0 --rdest
COMMIT
RULES
