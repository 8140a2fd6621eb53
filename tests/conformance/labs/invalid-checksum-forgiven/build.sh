. ../../net.sh
toll
set_in r net.netfilter.nf_conntrack_checksum=0
rule r filter -A FORWARD -m conntrack --ctstate INVALID -j DROP
rule r nat -A POSTROUTING -o right -j MASQUERADE
