// Management › Emails › Queued: what waits, why, and what may be done to it.

import { Route, Routes } from "react-router";
import Message from "@/pages/message/Message";
import Queue from "./Queue";

export default function QueuePages() {
  return (
    <Routes>
      <Route index element={<Queue />} />
      <Route path=":id" element={<Message back="/queue" />} />
    </Routes>
  );
}
