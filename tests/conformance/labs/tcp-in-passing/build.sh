. ../../net.sh
toll
route r 10.0.9.0/24 via 10.0.2.2
knows r left 10.0.1.55 02:00:0a:00:01:55 permanent
rule r filter -A FORWARD -m conntrack --ctstate INVALID -j DROP
