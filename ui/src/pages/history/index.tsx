// Management › Emails › History: what became of mail, queued and ended alike.

import { Route, Routes } from "react-router";
import Message from "@/pages/message/Message";
import History from "./History";

export default function HistoryPages() {
  return (
    <Routes>
      <Route index element={<History />} />
      <Route path=":id" element={<Message back="/history" />} />
    </Routes>
  );
}
