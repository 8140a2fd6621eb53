. ../../net.sh
segment a b c
bridge -n sw link set dev b bcast_flood off
bridge -n sw link set dev c mcast_flood off
