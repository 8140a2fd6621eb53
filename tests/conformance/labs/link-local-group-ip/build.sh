. ../../net.sh
segment a b
ip -n sw address add 10.0.0.9/24 dev br0
