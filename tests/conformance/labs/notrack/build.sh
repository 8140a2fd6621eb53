. ../../net.sh
toll
rule r raw -A PREROUTING -s 10.0.1.1 -p udp --dport 53 -j CT --notrack
rule r nat -A POSTROUTING -o right -j MASQUERADE
rule r filter -A FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT
rule r filter -A FORWARD -m conntrack --ctstate INVALID -j DROP
