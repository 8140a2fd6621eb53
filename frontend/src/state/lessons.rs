//! The lessons there are, in reading order, each a lab's text that comes with the page.

/// A lesson's name in addresses, `pod-to-pod`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LessonId(&'static str);

/// A lesson of the list.
#[derive(Debug)]
pub struct Lesson {
    pub id: LessonId,
    /// In the list of lessons.
    pub short: &'static str,
    /// As its lab has it.
    pub title: &'static str,
    /// The lab document. All but the first lesson's come with the second file: not to be read before a lesson is opened.
    pub text: &'static str,
}

/// All lessons that follow the article, in its order.
pub const ARTICLE: &[Lesson] = &[
    Lesson {
        id: LessonId("model"),
        short: "The model",
        title: "The model: who learns what",
        text: include_str!("../../../public/labs/model.yaml"),
    },
    Lesson {
        id: LessonId("container-to-container"),
        short: "Container to container",
        title: "Container to container, one pod",
        text: include_str!("../../../public/labs/container-to-container.yaml"),
    },
    Lesson {
        id: LessonId("pod-to-pod"),
        short: "Pod to pod",
        title: "Pod to pod, one node",
        text: include_str!("../../../public/labs/pod-to-pod.yaml"),
    },
    Lesson {
        id: LessonId("node-to-node"),
        short: "Node to node",
        title: "Pod to pod, across nodes",
        text: include_str!("../../../public/labs/node-to-node.yaml"),
    },
    Lesson {
        id: LessonId("pod-to-service"),
        short: "Pod to Service",
        title: "Pod to Service",
        text: include_str!("../../../public/labs/pod-to-service.yaml"),
    },
    Lesson {
        id: LessonId("egress"),
        short: "Pod to internet",
        title: "Pod to internet",
        text: include_str!("../../../public/labs/egress.yaml"),
    },
    Lesson {
        id: LessonId("ingress-load-balancer"),
        short: "Load balancer",
        title: "Internet to Service, by a load balancer",
        text: include_str!("../../../public/labs/ingress-load-balancer.yaml"),
    },
    Lesson {
        id: LessonId("ingress-controller"),
        short: "Ingress controller",
        title: "Internet to Service, by an ingress controller",
        text: include_str!("../../../public/labs/ingress-controller.yaml"),
    },
];

/// What a first visit shows: the article's first picture of a packet's way.
pub const FIRST: LessonId = LessonId("pod-to-pod");

/// The learner's own lab; the text is where it begins.
pub const OWN: Lesson = Lesson {
    id: LessonId("own"),
    short: "Your own: edit the YAML",
    title: "Your own: edit the YAML",
    text: "\
# Your own cluster: change anything, then press Run (Ctrl+Enter).
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDR: 10.244.1.0/24}
---
apiVersion: v1
kind: Node
metadata: {name: node-2}
spec: {podCIDR: 10.244.2.0/24}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  nodeName: node-1
  containers:
    - {name: shell, image: busybox}
---
apiVersion: v1
kind: Pod
metadata: {name: api}
spec:
  nodeName: node-1
  containers:
    - name: server
      image: example/api
      ports: [{containerPort: 8080, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: db}
spec:
  nodeName: node-2
  containers:
    - name: server
      image: example/db
      ports: [{containerPort: 5353, protocol: UDP}]
",
};

impl LessonId {
    /// As it stands in addresses and in storage.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The lesson an address names. None: there is no such lesson.
    pub fn find(name: &str) -> Option<Self> {
        all().map(|lesson| lesson.id).find(|id| id.0 == name)
    }

    /// The lessons before and after it.
    pub fn neighbours(self) -> [Option<&'static Lesson>; 2] {
        let here = all().position(|lesson| lesson.id == self).unwrap_or(0);
        [here.checked_sub(1).and_then(|before| all().nth(before)), all().nth(here + 1)]
    }

    /// The lesson behind the id.
    pub fn lesson(self) -> &'static Lesson {
        all().find(|lesson| lesson.id == self).unwrap_or(&OWN)
    }
}

/// Every lesson, the learner's own last.
pub fn all() -> impl Iterator<Item = &'static Lesson> {
    ARTICLE.iter().chain(std::iter::once(&OWN))
}
